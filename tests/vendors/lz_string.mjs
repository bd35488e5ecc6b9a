// Compresses each text of a JSON list with the library that old browser SDKs use.
import lz from "lz-string";

let input = "";
for await (const chunk of process.stdin) input += chunk;
console.log(JSON.stringify(JSON.parse(input).map((text) => lz.compressToBase64(text))));
