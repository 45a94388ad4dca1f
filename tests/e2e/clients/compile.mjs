// Compiles Probe.sol with solc-js: node compile.mjs OUTPUT.json writes {"abi", "bytecode"}.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const solc = require("solc");

const source = readFileSync(new URL("./Probe.sol", import.meta.url), "utf8");
const input = {
  language: "Solidity",
  sources: { "Probe.sol": { content: source } },
  settings: {
    evmVersion: "prague",
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors ?? []).filter((error) => error.severity === "error");
if (errors.length > 0) {
  throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
}
const { abi, evm } = output.contracts["Probe.sol"].Probe;
writeFileSync(process.argv[2], JSON.stringify({ abi, bytecode: "0x" + evm.bytecode.object }));
