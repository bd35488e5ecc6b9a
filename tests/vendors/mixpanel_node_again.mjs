// An app that calls Mixpanel's SDK for Node again, with the same $insert_id, until it is told of no error.
import Mixpanel from "mixpanel";

const address = new URL(process.env.SMOLHOG_URL);
const client = Mixpanel.init(process.env.SMOLHOG_KEY, {
  host: address.hostname,
  port: address.port,
  protocol: "http",
  key: "an account of Mixpanel's",
});

const time = new Date("2026-01-31T12:00:00Z");
const event = (name, n) => ({
  event: name,
  properties: { distinct_id: "ada", n, text: "żółw 🐗", time, $insert_id: `${name}-${n}` },
});
const calls = {
  track: (done) => client.track("visited", event("visited", 0).properties, done),
  track_batch: (done) => client.track_batch([1, 2, 3].map((n) => event("bought", n)), done),
  import_batch: (done) => client.import_batch([4, 5, 6].map((n) => event("bought", n)), done),
};

// The SDK waits for ever; the app does not.
const told = (call) =>
  new Promise((resolve) => {
    const waiting = setTimeout(() => resolve("no answer"), Number(process.env.SMOLHOG_PATIENCE_MS));
    call((error) => {
      clearTimeout(waiting);
      const errors = [error].flat().filter(Boolean);
      resolve(errors.length ? String(errors[0]) : null);
    });
  });

const failed = [];
const call = calls[process.env.SMOLHOG_CALL];
for (let tries = 0; tries < 100; tries++) {
  const error = await told(call);
  if (error === null) break;
  failed.push(error);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
console.log(JSON.stringify({ failed }));
process.exit();
