"""Official fixtures, independent implementations and the execution specs against the engine."""
