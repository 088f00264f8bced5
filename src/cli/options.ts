/** One option of the command line. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** How `--help` calls its value. */
  readonly value?: string;
  /** May stand several times. */
  readonly multiple?: true;
  /** What stands between several in the variable. @default commas */
  readonly separator?: RegExp;
  readonly help: string;
  /** The variable that counts where the option is not given. */
  readonly env?: string;
}

/** How to reach Redis; of every command. */
export const CONNECTION_OPTIONS = {
  url: {
    type: 'string',
    value: 'URL',
    multiple: true,
    // A password may have commas too.
    separator: /,(?=\s*(?:rediss?|unix):)/i,
    env: 'REDIS_URL',
    help: 'Where Redis is: redis://, rediss:// (TLS) or unix:. Of a Cluster, some of its nodes',
  },
  prefix: { type: 'string', value: 'TEXT', env: 'SESSION_PREFIX', help: 'store.prefix of your application, "sess:" by default' },
  username: { type: 'string', value: 'NAME', env: 'REDIS_USERNAME', help: 'The Redis user' },
  cluster: { type: 'boolean', env: 'REDIS_CLUSTER', help: 'Redis is a Cluster' },
  sentinel: { type: 'string', value: 'HOST:PORT', multiple: true, env: 'REDIS_SENTINELS', help: 'A sentinel, in place of --url' },
  master: { type: 'string', value: 'NAME', env: 'REDIS_MASTER', help: 'What the sentinels call the master' },
  tls: { type: 'boolean', env: 'REDIS_TLS', help: 'Speak TLS, as rediss:// does' },
  ca: { type: 'string', value: 'FILE', env: 'REDIS_CA', help: 'The certificate authority to trust, PEM' },
  cert: { type: 'string', value: 'FILE', env: 'REDIS_CERT', help: 'Your certificate, PEM' },
  key: { type: 'string', value: 'FILE', env: 'REDIS_KEY', help: 'Its key, PEM' },
  timeout: { type: 'string', value: 'MS', env: 'REDIS_TIMEOUT', help: 'How long to wait for each answer, 5000 by default' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Of every command too. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', help: 'Print one JSON document instead of text' },
  help: { type: 'boolean', short: 'h', help: 'Say what the command does, and end' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Passwords have no option: everybody on the machine can read a command line. */
export const PASSWORD_VARIABLES = {
  REDIS_PASSWORD: 'The password of the Redis user',
  REDIS_PASSWORD_FILE: 'A file that holds it',
} as const;

/** What people write in their place. */
export const MISSING_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['password', 'A password on the command line can be read by everybody on this machine. Set REDIS_PASSWORD or REDIS_PASSWORD_FILE.'],
  ['pass', 'A password on the command line can be read by everybody on this machine. Set REDIS_PASSWORD or REDIS_PASSWORD_FILE.'],
  ['host', 'Give the URL: --url redis://HOST:PORT.'],
  ['port', 'Give the URL: --url redis://HOST:PORT.'],
  ['db', 'Give it in the URL: --url redis://HOST:PORT/1.'],
  ['force', 'Did you mean --yes?'],
]);

export const REVOKE_BEFORE: OptionSpec = {
  type: 'boolean',
  help: 'Your application sets store.revokeBefore: leave out what that has ended',
};

export const REASON: OptionSpec = {
  type: 'string',
  value: 'WORD',
  help: 'What its holder is told for five minutes, "revoked" by default',
};
