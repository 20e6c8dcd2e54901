"""The conductor: subscriptions and every flow that crosses folders."""
