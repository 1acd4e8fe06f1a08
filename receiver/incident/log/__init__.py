"""The event log of an incident: events are appended, and reducers derive the state from them."""
