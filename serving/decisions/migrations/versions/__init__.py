"""One module per change of the tables; `schema.REVISION` names the newest."""
