"""Ethereum through web3: client, sender, blobs. The only room that imports web3."""
