"""A module for each verb, named as the verb; `watch` is the screen of `status --watch`."""
