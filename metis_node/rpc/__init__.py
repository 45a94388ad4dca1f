"""JSON-RPC and HTTP for people and probes. The only room that imports fastapi and uvicorn."""
