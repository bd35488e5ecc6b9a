// What an app does with Mixpanel's SDK for Node.
import Mixpanel from "mixpanel";

const address = new URL(process.env.SMOLHOG_URL);
const client = Mixpanel.init(process.env.SMOLHOG_KEY, {
  host: address.hostname,
  port: address.port,
  protocol: "http",
  verbose: process.env.SMOLHOG_VERBOSE === "1",
  key: "an account of Mixpanel's",
});

const failed = [];
const told = (call) =>
  new Promise((resolve) =>
    call((error) => {
      const errors = Array.isArray(error) ? error.filter(Boolean) : error ? [error] : [];
      failed.push(...errors.map(String));
      resolve();
    }),
  );
const time = new Date("2026-01-31T12:00:00Z");
await told((done) => client.track("visited", { distinct_id: "anonymous-1", text: "żółw & 100 %+" }, done));
await told((done) => client.alias("ada", "anonymous-1", done));
await told((done) => client.people.set("ada", { plan: "pro" }, done));
await told((done) => client.people.set_once("ada", { first_seen: "today" }, done));
await told((done) => client.people.unset("ada", "trial", done));
await told((done) => client.people.increment("ada", "logins", done));
await told((done) => client.groups.set("company", "acme", { seats: 5 }, done));
const event = (n) => ({
  event: "bought",
  properties: { distinct_id: "ada", n, time, $insert_id: `order-${n}` },
});
// An app that sends again what it does not know to be stored.
for (let attempt = 0; attempt < 3; attempt++) {
  await told((done) => client.track_batch([0, 1, 2, 3, 4, 5].map(event), done));
  await told((done) => client.import_batch([6, 7, 8, 9, 10, 11].map(event), done));
}
console.log(JSON.stringify({ failed }));
