const usualPatienceMs = 20_000;

/** Asks until the answer is there; rejects after a while, saying what did not come. */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  what: string,
  patienceMs = usualPatienceMs,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
