export { SessionHealthIndicator, type SessionHealthOptions } from './health/session-health.indicator.js';
export type { SessionHealthProblem } from './session/session-health.js';
