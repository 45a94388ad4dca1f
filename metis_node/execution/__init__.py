"""The door to the native EVM engine, genesis, fees, system transactions. Pure over a store port."""
