import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    outDir: "dist",
    assetsDir: "assets",
    // Inlined as data: URLs, fonts and pictures would not pass the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/analytics": { target: "http://127.0.0.1:8401", ws: true } } },
  test: { include: ["source/**/*.test.ts"], environment: "node" },
});
