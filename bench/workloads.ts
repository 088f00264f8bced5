/** What the measured requests do. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly connections: number;
  /** JSON bytes of each session; `undefined`: the requests have no cookie. */
  readonly bytes: number | undefined;
  /** How many distinct sessions the requests go round. */
  readonly sessions: number;
  /** Only measured when asked for by name. */
  readonly extra?: boolean;
}

export const SESSIONS = 320;
export const CONNECTIONS = 32;

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'read-350',
    title: 'read only, 350 bytes',
    method: 'GET',
    path: '/me',
    connections: CONNECTIONS,
    bytes: 350,
    sessions: SESSIONS,
  },
  {
    name: 'read-4k',
    title: 'read only, 4,096 bytes',
    method: 'GET',
    path: '/me',
    connections: CONNECTIONS,
    bytes: 4_096,
    sessions: SESSIONS,
  },
  {
    name: 'change',
    title: 'one entry changed, 350 bytes',
    method: 'POST',
    path: '/change',
    connections: CONNECTIONS,
    bytes: 350,
    sessions: SESSIONS,
  },
  {
    name: 'anonymous',
    title: 'no cookie; the handler asks who is signed in',
    method: 'GET',
    path: '/me',
    connections: CONNECTIONS,
    bytes: undefined,
    sessions: 0,
  },
  {
    name: 'parallel-200',
    title: '200 parallel requests of one session, read only, 350 bytes',
    method: 'GET',
    path: '/me',
    connections: 200,
    bytes: 350,
    sessions: 1,
    extra: true,
  },
  {
    name: 'public',
    title: 'no cookie; the handler does not ask for the session',
    method: 'GET',
    path: '/public',
    connections: CONNECTIONS,
    bytes: undefined,
    sessions: 0,
    extra: true,
  },
];
