for (const form of document.querySelectorAll("form.saved-card")) {
  const code = form.querySelector("input.cvv");
  const refused = form.querySelector("[role=alert]");
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const failed = () => {
      refused.hidden = false;
      code.value = "";
      for (const button of form.querySelectorAll("button")) setTimeout(() => { button.disabled = false; });
    };
    if (typeof MidtransNew3ds === "undefined") { failed(); return; }
    MidtransNew3ds.getCardToken({ token_id: form.dataset.card, card_cvv: code.value }, {
      onSuccess: (told) => {
        code.value = "";
        form.elements.card_token.value = told.token_id;
        form.submit();
      },
      onFailure: failed,
    });
  });
}
