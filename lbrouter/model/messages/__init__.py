"""What lbrouter tells, as data: a code and values. Sentences are made where a person reads."""
