// Stand-in for the gateway's script: window.snap.pay(token, callbacks), .embed, .hide.
(() => {
  const base = new URL(document.currentScript.src).origin;
  let frame = null, box = null, calls = {}, open = "";
  const hide = () => { if (box) box.remove(); box = frame = null; open = ""; };
  const page = (token) => `${base}/snap/v4/redirection/${encodeURIComponent(token)}?mode=popup`;
  const start = (token, options, place) => {
    if (!token) throw new Error("snap.pay needs a token");
    if (open) throw new Error("snap.pay is already open");
    hide();
    open = token;
    calls = options || {};
    box = document.createElement("div");
    frame = document.createElement("iframe");
    frame.src = page(token) + (calls.language === "en" ? "&lang=en" : "");
    frame.id = "snap-midtrans";
    frame.title = "Snap";
    frame.style.cssText = "border:0;background:#f3f5fa;width:100%;height:100%;max-width:480px";
    if (place) {
      box.style.cssText = "min-height:560px;height:100%;text-align:center";
      place.replaceChildren(box);
    } else {
      box.style.cssText = "position:fixed;inset:0;z-index:999999;background:rgba(20,33,61,.6);text-align:center";
      document.body.append(box);
    }
    box.append(frame);
  };
  const give = (name, result) => { if (typeof calls[name] === "function") { calls[name](result); return true; } return false; };
  window.addEventListener("message", ({data, source}) => {
    if (!data || data.snap !== open || !frame || source !== frame.contentWindow) return;
    if (data.stage === "paid" && !give("onSuccess", data.result) && data.finish) location.href = data.finish;
    if (data.stage === "over" && data.result) give("onError", data.result);
    if (data.stage === "close") {
      const pending = data.last === "wait";
      hide();
      if (pending) give("onPending", data.result);
      else if (data.last === "choose") give("onClose");
    } else if (data.stage === "paid") hide();
  });
  window.snap = {
    pay: (token, options) => start(token, options, null),
    embed: (token, options) => start(token, options, document.getElementById((options || {}).embedId)),
    show: () => {},
    hide,
  };
})();
