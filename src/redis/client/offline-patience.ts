/** In ms. As long as a command of ours waits for its reply, and so for a connection: an interruption shorter than that costs nobody an error. */
export const PATIENCE_MS = 500;
