//! Scenario file to checked DAG, step kinds, journal events, the saga; pure
