// What an app does with Segment's SDK for Node.
import { Analytics } from "@segment/analytics-node";

const lost = [];
const client = new Analytics({
  writeKey: process.env.SMOLHOG_KEY,
  host: process.env.SMOLHOG_URL,
  flushAt: 5,
  flushInterval: 100,
  httpRequestTimeout: Number(process.env.SMOLHOG_PATIENCE_MS ?? 20000),
  maxRetries: 8,
});
client.on("error", (error) => lost.push(String(error.reason ?? error.code)));
const timestamp = new Date("2026-01-31T12:00:00.250Z");
client.identify({ userId: "ada", anonymousId: "anonymous-1", traits: { plan: "pro" } });
client.alias({ userId: "ada", previousId: "anonymous-2" });
client.group({ userId: "ada", groupId: "acme", traits: { seats: 5 } });
client.page({ userId: "ada", name: "Prices", properties: { url: "https://shop.example/prices" } });
client.screen({ userId: "ada", name: "Basket" });
for (let n = 0; n < 12; n++) {
  client.track({
    userId: "ada",
    event: "bought",
    properties: { n, price: 9.5, text: "żółw 🐗" },
    timestamp,
    context: { ip: "192.0.2.7", campaign: { source: "letter" }, weather: "rain" },
  });
}
await client.closeAndFlush({ timeout: 30000 });
console.log(JSON.stringify({ lost }));
