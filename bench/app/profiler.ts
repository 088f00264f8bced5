import { writeFile } from 'node:fs/promises';
import { Session, type HeapProfiler } from 'node:inspector/promises';

const INTERVAL_MICROSECONDS = 200;
const INTERVAL_BYTES = 4_096;

/** Ends what was begun and writes the profile to that file. */
export type SaveProfile = (file: string) => Promise<void>;

/** What `node --cpu-prof` does, for the time between two calls: a `.cpuprofile`. */
export async function profileTime(): Promise<SaveProfile> {
  const session = connected();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
  await session.post('Profiler.start');
  return async (file) => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await writeFile(file, JSON.stringify(profile));
  };
}

/** Which functions allocate memory that a collector has to free, for the time between two calls: a `.heapprofile`. */
export async function profileAllocations(): Promise<SaveProfile> {
  const session = connected();
  const options: HeapProfiler.StartSamplingParameterType & Record<string, unknown> = {
    samplingInterval: INTERVAL_BYTES,
    // Not in the types yet. Without them only what is still alive at the end is seen.
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  await session.post('HeapProfiler.startSampling', options);
  return async (file) => {
    const { profile } = await session.post('HeapProfiler.stopSampling');
    session.disconnect();
    await writeFile(file, JSON.stringify(profile));
  };
}

function connected(): Session {
  const session = new Session();
  session.connect();
  return session;
}
