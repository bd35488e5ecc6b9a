import tseslint from "typescript-eslint";

export default tseslint.config({ ignores: ["dist", "node_modules", "public"] }, ...tseslint.configs.strict, {
  files: ["source/**/*.ts", "source/**/*.tsx", "vite.config.ts"],
  rules: {
    eqeqeq: "error",
    "no-console": "error",
    "@typescript-eslint/consistent-type-imports": "error",
  },
});
