// Drives the official client: node node_client.js FOLDER '{"url", "serverKey", "clientKey"}'
const path = require("path");
const [folder, given] = process.argv.slice(2);
const settings = JSON.parse(given);
const midtrans = require(path.join(folder, "node_modules", "midtrans-client"));

// The addresses are getters of the configuration's class; only they are changed.
const hosts = {
  getCoreApiBaseUrl: () => settings.url,
  getSnapApiBaseUrl: () => `${settings.url}/snap/v1`,
  getIrisApiBaseUrl: () => `${settings.url}/iris/api/v1`,
};
const keys = { isProduction: false, serverKey: settings.serverKey, clientKey: settings.clientKey };
const aimed = (client) => {
  Object.assign(client.apiConfig, hosts);
  return client;
};
const core = aimed(new midtrans.CoreApi(keys));
const snap = aimed(new midtrans.Snap(keys));
const order = (id, amount = 150000) => ({ transaction_details: { order_id: id, gross_amount: amount } });
const card = { card_number: "4811111111111114", card_exp_month: "12", card_exp_year: "2027", card_cvv: "123",
  client_key: settings.clientKey };
const code = async (call) => {
  try {
    await call();
  } catch (error) {
    if (error.name !== "MidtransError" && !error.ApiResponse) throw error;
    return error.httpStatusCode >= 400 && !(error.ApiResponse || {}).status_code
      ? error.httpStatusCode
      : typeof error.httpStatusCode === "number" && error.httpStatusCode >= 400
        ? error.httpStatusCode
        : error.ApiResponse.status_code;
  }
  throw new Error("was not refused");
};
const sim = async (what, body) => {
  const answer = await fetch(`${settings.url}/_sim/${what}`, {
    method: "POST", body: JSON.stringify(body), headers: { "X-Sim-Server-Key": settings.serverKey } });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const charge = (id, token, amount) =>
  core.charge({ payment_type: "credit_card", ...order(id, amount), credit_card: { token_id: token } });
const va = (id) => core.charge({ payment_type: "bank_transfer", ...order(id), bank_transfer: { bank: "bca" } });

(async () => {
  const steps = {};
  const page = await snap.createTransaction(order("N-snap"));
  steps["snap token"] = (await snap.createTransactionToken(order("N-snap"))).length;
  steps["snap redirect"] = page.redirect_url.endsWith(page.token);
  steps["snap 400"] = await code(() => snap.createTransaction(order("N-zero", 0)));
  const stranger = aimed(new midtrans.Snap({ ...keys, serverKey: "dummy" }));
  steps["snap 401"] = await code(() => stranger.createTransaction(order("N-x")));
  const token = await core.cardToken(card);
  steps["card token"] = token.status_code;
  steps.charge = (await charge("N-card", token.token_id)).transaction_status;
  steps.status = (await core.transaction.status("N-card")).transaction_status;
  steps["status 404"] = await code(() => core.transaction.status("nothing"));
  steps["charge 400"] = await code(() => core.charge({ payment_type: "bank_transfer", ...order("N-0", 0) }));
  steps["used token"] = await code(() => charge("N-again", token.token_id));
  steps.va = (await va("N-va")).transaction_status;
  steps.cancel = (await core.transaction.cancel("N-va")).transaction_status;
  await va("N-late");
  steps.expire = (await core.transaction.expire("N-late")).transaction_status;
  const fresh = await core.cardToken(card);
  steps["point inquiry refused"] = await code(() => core.cardPointInquiry(fresh.token_id));
  steps.register = (await core.cardRegister(card)).status_code;
  const linked = await core.linkPaymentAccount({ payment_type: "gopay",
    gopay_partner: { phone_number: "8215023424", country_code: "62", redirect_url: "https://shop.test/" } });
  steps.link = linked.account_status;
  steps.account = (await core.getPaymentAccount(linked.account_id)).account_status;
  steps["unlink refused"] = await code(() => core.unlinkPaymentAccount(linked.account_id));
  const plan = { name: "SUB-NODE", amount: "100000", currency: "IDR", payment_type: "credit_card", token: "dummy",
    schedule: { interval: 1, interval_unit: "month", max_interval: 3 } };
  const made = await core.createSubscription(plan);
  steps.subscription = made.status;
  steps["subscription read"] = (await core.getSubscription(made.id)).status;
  steps["subscription off"] = (await core.disableSubscription(made.id)).status_message;
  steps["subscription on"] = (await core.enableSubscription(made.id)).status_message;
  steps["subscription changed"] = (await core.updateSubscription(made.id, plan)).status_message;
  steps["subscription 404"] = await code(() => core.getSubscription("nothing"));
  await sim("settle", { order_id: "N-card" });
  const told = await core.transaction.status("N-card");
  steps.notification = (await core.transaction.notification(told)).transaction_status;
  steps.refund = (await core.transaction.refund("N-card", { refund_key: "r", amount: 5000 })).transaction_status;
  console.log(JSON.stringify(steps));
})().catch((error) => {
  console.error(error.stack || error);
  process.exit(1);
});
