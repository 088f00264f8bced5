-- What the first number of a script's answer means.
local GONE = 0 -- There is no such session (any more).
local DONE = 1 -- What was asked for is done.
local UNCHANGED = 2 -- Nothing was done: it is so already, or must not be so yet.
local TAKEN = 3 -- The key belongs to another session.
local NOT_INTEGER = 4 -- The entry is not an integer, or would not be one that JavaScript knows exactly.
local CHANGED = 5 -- What is stored differs from what was expected.
local FULL = 6 -- There are as many as there may be.
local NO_ENTRY = 7 -- The reserved entry has expired.
local DAMAGED = 8 -- What lies there is not what this package writes.
