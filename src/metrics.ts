export { SessionMetrics, type SessionMetricsOptions } from './metrics/session-metrics.js';
export type { SessionDiagnostics } from './session/diagnostics.js';
