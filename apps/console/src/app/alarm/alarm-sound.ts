import { ref } from 'vue';

/** Two tones, again and again: hard to overhear, and no file to load. */
const tones = [880, 660] as const;
const toneMs = 320;
const loudness = 0.35;

let context: AudioContext | undefined;
let timer: ReturnType<typeof setInterval> | undefined;

/** Whether the browser lets this page be heard: it does so after a click or a key. */
export const soundAllowed = ref(false);

/** To be called from a click or a key. */
export async function allowSound(): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
  soundAllowed.value = context.state === 'running';
}

/** One pair of tones, so that whoever switches it on hears what it will be. */
export function soundOnce(): void {
  const audio = context;
  if (audio?.state !== 'running') return;
  const start = audio.currentTime;
  tones.forEach((frequency, index) => {
    const [oscillator, gain] = [new OscillatorNode(audio, { type: 'square', frequency }), new GainNode(audio)];
    const from = start + (index * toneMs) / 1_000;
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(loudness, from + 0.02);
    gain.gain.setValueAtTime(loudness, from + toneMs / 1_000 - 0.04);
    gain.gain.linearRampToValueAtTime(0, from + toneMs / 1_000);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(from);
    oscillator.stop(from + toneMs / 1_000);
  });
}

export function startSound(): void {
  if (timer !== undefined) return;
  soundOnce();
  timer = setInterval(soundOnce, toneMs * 4);
}

export function stopSound(): void {
  clearInterval(timer);
  timer = undefined;
}
