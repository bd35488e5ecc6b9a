// Builds dist/: smolhog.js for bundlers, smolhog.min.js for a <script>, and the types.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const common = {
  bundle: true,
  target: "es2021",
  charset: "utf8",
  define: { VERSION: JSON.stringify(version) },
  // Private members, by the underscore that they end with.
  mangleProps: /[^_]_$/,
  logLevel: "warning",
};

rmSync("dist", { recursive: true, force: true });
await build({ ...common, entryPoints: ["source/index.ts"], format: "esm", outfile: "dist/smolhog.js" });
await build({
  ...common,
  entryPoints: ["source/script.ts"],
  format: "iife",
  minify: true,
  outfile: "dist/smolhog.min.js",
});
const types = ["--declaration", "--emitDeclarationOnly", "--outDir", "dist/types"];
execFileSync("node", ["node_modules/typescript/bin/tsc", ...types], { stdio: "inherit" });
