import { readonly, ref } from 'vue';

const everyMs = 5_000;
const ticking = ref(Date.now());
setInterval(() => {
  ticking.value = Date.now();
}, everyMs);

/** The time, moving on every five seconds: one timer for every age that is shown. */
export const now = readonly(ticking);
