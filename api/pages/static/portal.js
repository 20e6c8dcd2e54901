for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) continue;
  const idle = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = idle; }, 2000);
  });
}
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) setTimeout(() => { button.disabled = true; });
  });
}
const address = document.body.dataset.status;
if (address) {
  let rounds = 0;
  const look = async () => {
    rounds += 1;
    if (!document.hidden) {
      try {
        const answer = await fetch(address, { cache: "no-store" });
        if (answer.ok && (await answer.json()).version !== document.body.dataset.version) {
          location.replace(location.pathname);
          return;
        }
      } catch { /* offline for a moment: look again later */ }
    }
    setTimeout(look, rounds < 60 ? 2000 : 10000);
  };
  setTimeout(look, 2000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) rounds = 0; });
}
