"""The verbs of the event day: `verbs.py` names them."""
