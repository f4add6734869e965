//! Everything between a decision and the API server, without I/O: stores, queue, ledger, guards, requests.
