// What an app does with PostHog's SDK for Node.
import { PostHog } from "posthog-node";

const lost = [];
// Timers of the SDK's retries alone do not keep a program running.
const running = setInterval(() => {}, 1000);
const client = new PostHog(process.env.SMOLHOG_KEY, {
  host: process.env.SMOLHOG_URL,
  flushAt: 5,
  flushInterval: 100,
  requestTimeout: Number(process.env.SMOLHOG_PATIENCE_MS ?? 20000),
  fetchRetryDelay: 200,
  ...JSON.parse(process.env.SMOLHOG_OPTIONS ?? "{}"),
});
client.on("error", (error) => lost.push(String(error)));
const when = new Date("2026-01-31T12:00:00.250Z");
client.identify({ distinctId: "ada", properties: { $set: { plan: "pro" }, $anon_distinct_id: "anonymous-1" } });
client.alias({ distinctId: "ada", alias: "anonymous-2" });
client.groupIdentify({ groupType: "company", groupKey: "acme", properties: { seats: 5 }, distinctId: "ada" });
for (let n = 0; n < 12; n++) {
  client.capture({
    distinctId: "ada",
    event: "bought",
    properties: { n, price: 9.5, text: "żółw 🐗".slice(0, 6) },
    groups: { company: "acme" },
    timestamp: when,
  });
}
const flags = await client.getAllFlags("ada");
await client.shutdown(30000);
clearInterval(running);
console.log(JSON.stringify({ lost, flags }));
