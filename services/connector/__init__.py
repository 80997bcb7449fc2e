"""The agent beside each pod: prepares sources, receives copies, keeps the pod's content library, says what it holds."""
