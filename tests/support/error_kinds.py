"""The contract's error codes with the kind that `data` names for each; those of JSON-RPC itself have none."""

KINDS = {
    1001: "notFound",
    1002: "nameConflict",
    1003: "invalidState",
    1004: "activeSessions",
    1005: "revisionConflict",
    1006: "duplicateProject",
    1007: "pathUnreachable",
    1008: "claimed",
    1010: "protocolUnsupported",
    2001: "writeTimeout",
    2002: "commitUnknown",
    2003: "storageFailure",
    2004: "overloaded",
    2005: "shuttingDown",
    3001: "gitUnavailable",
    3002: "gitFailed",
    3003: "gitTimeout",
    -32800: "cancelled",
}

# JSON-RPC 2.0, section 5.1
SPECIFIED_CODES = {-32700, -32600, -32601, -32602, -32603}
