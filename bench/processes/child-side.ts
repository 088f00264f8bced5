/** Answers what the parent asks, by name, until the parent is gone. */
export function answerParent(answers: Readonly<Record<string, (payload: unknown) => unknown>>): void {
  process.on('message', (message) => {
    const { id, question, payload } = message as { id: number; question: string; payload: unknown };
    Promise.resolve()
      .then(() => answers[question]?.(payload))
      .then(
        (answer) => process.send?.({ id, answer }),
        (error: unknown) => process.send?.({ id, error: String(error) }),
      );
  });
  process.on('disconnect', () => process.exit());
  // The terminal sends it to all; the parent ends us when it has finished.
  process.on('SIGINT', () => undefined);
  process.send?.({ ready: true });
}
