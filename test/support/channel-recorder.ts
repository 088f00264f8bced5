import { afterEach, beforeEach } from '@jest/globals';
import { diagnostics, onDiagnostics, type SessionDiagnostics } from '../../src/session/diagnostics.js';

export type ChannelName = keyof SessionDiagnostics;

export const CHANNEL_NAMES = Object.keys(diagnostics) as ChannelName[];

/** A message, and the channel that carried it. */
export type Published = { readonly [Name in ChannelName]: readonly [Name, SessionDiagnostics[Name]] }[ChannelName];

export interface ChannelRecorder {
  /** What was published since it was last asked, in order. */
  take(): Published[];
  /** Of one channel. */
  of<Name extends ChannelName>(name: Name): SessionDiagnostics[Name][];
}

/** Subscribes to every channel for as long as a test runs. Call in a `describe`. */
export function useChannelRecorder(): ChannelRecorder {
  let published: Published[] = [];
  let leave: (() => void)[] = [];
  beforeEach(() => {
    published = [];
    leave = CHANNEL_NAMES.map((name) => onDiagnostics(name, (message) => void published.push([name, message] as Published)));
  });
  afterEach(() => leave.forEach((stop) => stop()));
  const take = () => {
    const taken = published;
    published = [];
    return taken;
  };
  return {
    take,
    of: <Name extends ChannelName>(name: Name) =>
      take()
        .filter(([channel]) => channel === name)
        .map(([, message]) => message as SessionDiagnostics[Name]),
  };
}
