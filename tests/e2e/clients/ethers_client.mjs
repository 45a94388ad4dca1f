// ethers against a running node: node ethers_client.mjs RPC_URL PRIVATE_KEY ARTIFACT.json
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ethers } from "ethers";

const [url, key, artifactPath] = process.argv.slice(2);
const { abi, bytecode } = JSON.parse(readFileSync(artifactPath, "utf8"));
// ethers keeps answers for 250 ms by default: a nonce asked for twice around a block would be stale.
const provider = new ethers.JsonRpcProvider(url, undefined, { pollingInterval: 100, cacheTimeout: -1 });
const sockets = new ethers.WebSocketProvider(url.replace("http", "ws"));
const wallet = new ethers.Wallet(key, provider);

const network = await provider.getNetwork();
assert.ok(network.chainId > 0n);
assert.ok((await provider.getBalance(wallet.address)) > 0n);

// Deploy, with everything (gas, fees, nonce) asked of the node.
const factory = new ethers.ContractFactory(abi, bytecode, wallet);
const contract = await factory.deploy(7n);
await contract.waitForDeployment();
const address = await contract.getAddress();
assert.equal(await contract.total(), 7n);
assert.notEqual(await provider.getCode(address), "0x");

// Subscribe, send, and read what was sent in every way.
const heard = new Promise((resolve) => {
  new ethers.Contract(address, abi, sockets).on("Noted", (who, value, text, event) =>
    resolve({ who, value, text, hash: event.log.transactionHash }),
  );
});
const blockHeard = new Promise((resolve) => sockets.once("block", resolve));
const pendingHeard = new Promise((resolve) => sockets.once("pending", resolve));
await sockets.getBlockNumber(); // the subscriptions stand before anything is sent
await new Promise((resolve) => setTimeout(resolve, 200));
const sent = await contract.note(5n, "grüße ☃");
const receipt = await sent.wait();
assert.equal(receipt.status, 1);
assert.equal(receipt.logs.length, 1);
const parsed = contract.interface.parseLog(receipt.logs[0]);
assert.deepEqual([...parsed.args], [wallet.address, 5n, "grüße ☃"]);
assert.deepEqual(await heard, {
  who: wallet.address,
  value: 5n,
  text: "grüße ☃",
  hash: sent.hash,
});
assert.ok((await blockHeard) > 0);
assert.match(await pendingHeard, /^0x[0-9a-f]{64}$/);
const events = await contract.queryFilter(contract.filters.Noted(wallet.address), 0, "latest");
assert.equal(events.length, 1);
assert.equal(events[0].blockHash, receipt.blockHash);
assert.equal((await provider.getTransaction(sent.hash)).hash, sent.hash);
assert.equal(await contract.total(), 12n);
assert.equal(await contract.total({ blockTag: receipt.blockNumber - 1 }), 7n);

// A client that was never patched reads the whole block, system transaction included.
const block = await provider.send("eth_getBlockByNumber", [ethers.toQuantity(receipt.blockNumber), true]);
assert.ok(block.transactions.some((transaction) => transaction.hash === sent.hash));
const prefetched = await provider.getBlock(receipt.blockNumber, true);
assert.equal(prefetched.hash, receipt.blockHash);
assert.equal(prefetched.prefetchedTransactions.length, block.transactions.length);

// Reverts come with their reasons.
await assert.rejects(contract.fail.staticCall("because"), (error) => error.reason === "because");
await assert.rejects(
  contract.refuse.staticCall(9n),
  (error) => error.revert.name === "Refused" && error.revert.args[0] === 9n,
);
await assert.rejects(contract.divide.staticCall(0n), (error) => /DIVIDE_BY_ZERO|Panic/.test(error.reason));
await assert.rejects(contract.fail("estimated"), (error) => error.reason === "estimated");
const failed = await contract.fail("mined", { gasLimit: 100_000n });
await assert.rejects(failed.wait(), (error) => error.receipt.status === 0);

// Refusals of the mempool are told apart by ethers' reading of geth's words.
const poor = ethers.Wallet.createRandom().connect(provider);
await assert.rejects(
  poor.sendTransaction({ to: wallet.address, value: 1n, gasLimit: 21_000n, nonce: 0 }),
  (error) => error.code === "INSUFFICIENT_FUNDS",
);
const stale = { to: wallet.address, gasLimit: 21_000n, nonce: 0 };
await assert.rejects(wallet.sendTransaction(stale), (error) => error.code === "NONCE_EXPIRED");

// The other transaction types.
for (const request of [
  { type: 0, to: address, value: 1n },
  { type: 1, to: address, value: 1n, accessList: [{ address, storageKeys: [] }] },
  { type: 2, to: address, value: 1n },
]) {
  const mined = await (await wallet.sendTransaction(request)).wait();
  assert.equal(mined.status, 1);
  assert.equal(mined.type, request.type);
}
assert.equal(await provider.getBalance(address), 3n);
const fees = await provider.getFeeData();
assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas);

console.log(JSON.stringify({ client: `ethers ${ethers.version}`, address }));
await sockets.destroy();
provider.destroy();
