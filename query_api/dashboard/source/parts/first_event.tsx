/** How to send the first event: for a project that has none yet. */
import { useState } from "preact/hooks";
import { Tabs } from "./buttons";
import { CodeBlock } from "./copy";

type Way = "curl" | "python" | "browser";

/** Where events go. Behind a proxy everything has one address; else the gateway has its own port. */
export function gatewayAddress(page: Location, port: string): string {
  return page.port === "" ? page.origin : `${page.protocol}//${page.hostname}:${port}`;
}

export function FirstEvent({ project }: { project: string }) {
  const [way, setWay] = useState<Way>("curl");
  const port = document.querySelector<HTMLMetaElement>("meta[name=smolhog-gateway-port]")?.content ?? "8400";
  const gateway = gatewayAddress(location, port);
  const snippets: Record<Way, string> = {
    curl: `curl ${gateway}/v1/batch \\
  -H "Authorization: Bearer $WRITE_KEY" \\
  --json '{"events": [{"event": "signed_up", "distinct_id": "user-1",
           "properties": {"plan": "pro"}}]}'`,
    python: `from smolhog_client import Client

async with Client("${gateway.replace(/^http/, "ws")}", write_key=WRITE_KEY) as client:
    await client.track("signed_up", "user-1", {"plan": "pro"})`,
    browser: `await fetch("${gateway}/v1/batch", {
  method: "POST",
  keepalive: true,
  headers: { Authorization: \`Bearer \${WRITE_KEY}\`, "Content-Type": "application/json" },
  body: JSON.stringify({
    events: [{ event: "signed_up", distinct_id: "user-1", properties: { plan: "pro" } }],
  }),
});`,
  };
  return (
    <section class="first-event card">
      <div class="first-pulse" aria-hidden="true" />
      <h2>Waiting for the first event of “{project}”</h2>
      <p>Send one, and this page shows it within a second. No reload needed.</p>
      <Tabs
        label="Ways to send"
        value={way}
        onChange={setWay}
        tabs={[
          { value: "curl", label: "curl" },
          { value: "python", label: "Python" },
          { value: "browser", label: "Browser" },
        ]}
      />
      <CodeBlock code={snippets[way]} label="How to send an event" />
      <p class="faint">
        The write key was shown when the project was made. Another one:{" "}
        <code>smolhog keys create {project} --kind write</code>
      </p>
    </section>
  );
}
