import { counted, quoted } from '../printable.js';
import type { Finding } from './finding.js';
import { someOf, type Sample } from './sample.js';

/** What is wrong with the keys under the prefix. Names of keys are told only of those that are ours: others may be sids. */
export function sessionFindings(sample: Sample, { prefix, maxBytes }: { readonly prefix: string; readonly maxBytes: number }): Finding[] {
  const found: Finding[] = [];
  const { endless, unreadable, large, strings, foreign, keys } = sample;
  const among = `of ${counted(keys, 'key')} looked at`;
  if (endless.length > 0)
    found.push({
      id: 'no-ttl',
      severity: 'error',
      what: `${endless.length} ${among} have no time to live.`,
      means:
        'They stay for ever. This package gives every key an end: something else took it off (PERSIST), or wrote to a key that had ended (HSET).',
      type: someOf(endless).map((key) => `redis-cli EXPIRE ${quoted(key)} 1800`),
    });
  if (unreadable.length > 0)
    found.push({
      id: 'unreadable',
      severity: 'warning',
      what: `${unreadable.length} ${among} lie where sessions do, and are none.`,
      means: 'Another program wrote them, or a later version of this package. They are treated as no session.',
      type: someOf(unreadable).map((key) => `redis-cli HKEYS ${quoted(key)}`),
    });
  if (large.length > 0)
    found.push({
      id: 'large',
      severity: 'warning',
      what: `${large.length} ${among} are sessions that take more than ${maxBytes} bytes.`,
      means: 'Every request of theirs reads all of it. One that is ten times as large as store.maxBytes is treated as no session.',
      type: someOf(large).map((key) => `nestjs-redis-session show -- ${quoted(key.slice(prefix.length))}   # which entry is it?`),
    });
  if (strings > 0)
    found.push({
      id: 'connect-redis',
      severity: 'note',
      what: `${strings} ${among} are sessions of connect-redis.`,
      means: 'With store.kind "hash" their users are signed out, unless store.migrate serves and converts them.',
      type: ['nestjs-redis-session migration   # how many are left'],
    });
  const others = [...foreign].toSorted(([a], [b]) => a.localeCompare(b));
  if (others.length > 0)
    found.push({
      id: 'foreign-keys',
      severity: 'warning',
      what: `${others.map(([type, count]) => counted(count, type)).join(', ')} ${among} are not ours.`,
      means: 'Another program uses the same prefix. What it does to these keys it may do to sessions.',
      type: [
        `redis-cli --scan --pattern ${quoted(`${prefix}*`)}   # names may be sids: keep them to yourself`,
        'Give each application a store.prefix.',
      ],
    });
  return found;
}
