"""The event log of an incident: events are added, and reducers make the state from them."""
