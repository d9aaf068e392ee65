import { computed, ref, shallowRef } from 'vue';
import { asProblem } from '../api/problem.js';
import { problemText } from '../app/problem-text.js';
import { type FieldProblem, problemsSaid } from './field-problem.js';

/**
 * The sending of a form: what is wrong with it is shown once somebody has tried to send it, and what the platform refused
 * beside it. `find` judges the form as it is now.
 */
export function useSubmit(find: () => FieldProblem[]) {
  const tried = ref(false);
  const busy = ref(false);
  const fault = ref('');
  const said = shallowRef<FieldProblem[]>([]);
  const problems = computed(() => (tried.value ? [...find(), ...said.value] : []));

  function reset(): void {
    tried.value = false;
    fault.value = '';
    said.value = [];
  }

  /** Sends where nothing is wrong; true once the platform has taken it. */
  async function submit(send: () => Promise<unknown>): Promise<boolean> {
    reset();
    tried.value = true;
    if (find().length > 0) return false;
    busy.value = true;
    try {
      await send();
      reset();
      return true;
    } catch (error) {
      const problem = asProblem(error);
      said.value = problemsSaid(problem.fields);
      fault.value = problemText(error);
      return false;
    } finally {
      busy.value = false;
    }
  }

  return { problems, busy, fault, submit, reset };
}
