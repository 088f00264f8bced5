import type { Fleet } from './fleet.js';
import type { Release } from './release.js';
import type { User } from './user.js';

/** As the documentation tells you to do it, with a way back taken in between. */
export const JOURNEY: readonly Release[] = ['old', 'prepare', 'convert', 'prepare', 'convert', 'moved'];

const INSTANCES = 2;

export interface Move {
  readonly journey: readonly Release[];
  readonly fleet: Fleet;
  /** They do something all the time. */
  readonly users: readonly User[];
  /** They sign in at the start, and come back one by one, when a release is everywhere. The last ones come back at the end. */
  readonly absent: readonly User[];
  /** Made for each stage: whether a user who has done so many things in it goes on. */
  readonly stage: () => (acts: number) => boolean;
  /** After each process that is replaced, under load. */
  readonly afterEach: () => Promise<unknown>;
  /** When the load rests, a release is everywhere, and all that was acknowledged is about to be looked for. */
  readonly beforeCheck: () => Promise<void>;
  readonly afterCheck?: () => void;
}

/** Takes an application from one release to the next, one process after the other, under load all the time. */
export async function move({ journey, fleet, users, absent, stage, afterEach, beforeCheck, afterCheck }: Move): Promise<void> {
  const [first, ...others] = journey;
  if (first === undefined) throw new RangeError('A journey needs releases.');
  const asleep = [...absent];
  const underLoad = (change: () => Promise<void>) =>
    loadDuring(users, stage(), async () => {
      await change();
      await afterEach();
    });

  const checkAll = async () => {
    await beforeCheck();
    await all(users, (user) => user.check());
    afterCheck?.();
  };

  for (let index = 0; index < INSTANCES; index++) await fleet.add(first);
  await all([...users, ...asleep], (user) => user.arrive());
  await underLoad(async () => undefined);
  await checkAll();
  for (const [step, release] of others.entries()) {
    if (release === 'moved') await underLoad(() => fleet.convertRest());
    for (let index = 0; index < INSTANCES; index++) await underLoad(() => fleet.replaceOldest(release));
    await users[0]?.leave();
    const awake = step === others.length - 1 ? asleep.splice(0) : asleep.splice(0, 1);
    await all(awake, (user) => user.comeBack());
    await checkAll();
  }
}

/** Everybody acts while that changes, and until it has. */
async function loadDuring(users: readonly User[], goesOn: (acts: number) => boolean, change: () => Promise<void>): Promise<void> {
  const progress = { isOver: false };
  const changing = change().finally(() => (progress.isOver = true));
  const acting = all(users, async (user) => {
    for (let acts = 0; !progress.isOver || goesOn(acts); acts++) await user.act();
  });
  await Promise.all([changing, acting]);
}

async function all(users: readonly User[], act: (user: User) => Promise<void>): Promise<void> {
  await Promise.all(users.map(act));
}
