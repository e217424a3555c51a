"""HTTP without twins: every conversation with the server is written once, as a generator of steps, and played by a
blocking driver or an asyncio one."""
