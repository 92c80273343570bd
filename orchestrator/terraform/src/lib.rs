//! Runs terraform or tofu and reads what it says
