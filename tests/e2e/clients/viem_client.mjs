// viem against a running node: node viem_client.mjs RPC_URL PRIVATE_KEY ARTIFACT.json
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  parseEther,
  parseEventLogs,
  webSocket,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const [url, key, artifactPath] = process.argv.slice(2);
const { abi, bytecode } = JSON.parse(readFileSync(artifactPath, "utf8"));
const id = await createPublicClient({ transport: http(url) }).getChainId();
const chain = defineChain({
  id,
  name: "devnet",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});
const account = privateKeyToAccount(key);
const client = createPublicClient({ chain, transport: http(url, { batch: true }), pollingInterval: 100 });
const listener = createPublicClient({ chain, transport: webSocket(url.replace("http", "ws")) });
const wallet = createWalletClient({ account, chain, transport: http(url) });

// Deploy.
const deployed = await client.waitForTransactionReceipt({
  hash: await wallet.deployContract({ abi, bytecode, args: [7n] }),
});
assert.equal(deployed.status, "success");
const address = deployed.contractAddress;
const read = (functionName, args = []) => client.readContract({ address, abi, functionName, args });
assert.equal(await read("total"), 7n);

// Subscribe, send, read.
const first = (watch) => new Promise((resolve, reject) => watch(resolve, reject));
const logHeard = first((resolve, reject) =>
  listener.watchContractEvent({ address, abi, onLogs: ([log]) => resolve(log), onError: reject }),
);
const headHeard = first((resolve, reject) =>
  listener.watchBlocks({ onBlock: resolve, onError: reject }),
);
const pendingHeard = first((resolve, reject) =>
  listener.watchPendingTransactions({ onTransactions: ([hash]) => resolve(hash), onError: reject }),
);
await listener.getBlockNumber();
await new Promise((resolve) => setTimeout(resolve, 200));
const { request } = await client.simulateContract({
  account,
  address,
  abi,
  functionName: "note",
  args: [5n, "grüße ☃"],
});
const hash = await wallet.writeContract(request);
const receipt = await client.waitForTransactionReceipt({ hash });
assert.equal(receipt.status, "success");
const [noted] = parseEventLogs({ abi, logs: receipt.logs });
assert.deepEqual(noted.args, { who: account.address, value: 5n, text: "grüße ☃" });
assert.equal((await logHeard).transactionHash, hash);
assert.equal(typeof (await headHeard).number, "bigint");
assert.match(await pendingHeard, /^0x[0-9a-f]{64}$/);
const logs = await client.getContractEvents({ address, abi, fromBlock: 0n, toBlock: "latest" });
assert.deepEqual(logs.map((log) => log.transactionHash), [hash]);
assert.equal((await client.getTransaction({ hash })).blockHash, receipt.blockHash);
assert.equal(await read("total"), 12n);
const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
assert.ok(block.transactions.some((transaction) => transaction.hash === hash));

// Polled filters.
const filter = await client.createContractEventFilter({ address, abi, fromBlock: 0n });
assert.equal((await client.getFilterLogs({ filter })).length, 1);
assert.equal(await client.uninstallFilter({ filter }), true);

// Reverts with reasons, called, estimated and mined.
const reason = (error) => error.walk((cause) => cause.name === "ContractFunctionRevertedError");
await assert.rejects(read("fail", ["because"]), (error) => reason(error).reason === "because");
await assert.rejects(read("refuse", [9n]), (error) => {
  const { errorName, args } = reason(error).data;
  return errorName === "Refused" && args[0] === 9n && args[1] === "not today";
});
await assert.rejects(read("divide", [0n]), (error) => reason(error).data.errorName === "Panic");
const failing = { address, abi, functionName: "fail", args: ["estimated"] };
await assert.rejects(client.estimateContractGas({ ...failing, account }), /estimated/);
const mined = await client.waitForTransactionReceipt({
  hash: await wallet.writeContract({ ...failing, gas: 100_000n }),
});
assert.equal(mined.status, "reverted");

// Refusals.
const poor = createWalletClient({
  account: privateKeyToAccount(generatePrivateKey()),
  chain,
  transport: http(url),
});
const transfer = { to: address, value: 1n, gas: 30_000n };
await assert.rejects(poor.sendTransaction(transfer), /funds/);
await assert.rejects(wallet.sendTransaction({ ...transfer, nonce: 0 }), /nonce/i);

// EIP-7702: the account delegates to the contract and calls it as itself.
const authorization = await wallet.signAuthorization({ contractAddress: address, executor: "self" });
const delegated = await client.waitForTransactionReceipt({
  hash: await wallet.sendTransaction({ authorizationList: [authorization], to: account.address }),
});
assert.equal(delegated.status, "success");
assert.equal(await client.getCode({ address: account.address }), "0xef0100" + address.slice(2).toLowerCase());
const undo = await wallet.signAuthorization({
  contractAddress: "0x0000000000000000000000000000000000000000",
  executor: "self",
});
await client.waitForTransactionReceipt({
  hash: await wallet.sendTransaction({ authorizationList: [undo], to: account.address }),
});

// EIP-7966, simulation, proofs, fee history.
const prepared = await wallet.prepareTransactionRequest({ to: address, value: 1n });
const serializedTransaction = await wallet.signTransaction(prepared);
const immediate = await client.request({
  method: "eth_sendRawTransactionSync",
  params: [serializedTransaction, 10_000],
});
assert.equal(immediate.status, "0x1");
const simulated = await client.simulateBlocks({
  blocks: [{ calls: [{ account, to: address, value: parseEther("1") }] }],
});
assert.equal(simulated[0].calls[0].status, "success");
const proof = await client.getProof({ address, storageKeys: ["0x" + "00".repeat(32)] });
assert.equal(proof.storageProof[0].value, 12n);
const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);

console.log(JSON.stringify({ client: "viem", address }));
process.exit(0); // its WebSocket would keep the process alive
