import { describe, expect, it } from '@jest/globals';
import { passwordProblem } from './password-rules.js';

describe('passwords', () => {
  it.each([
    ['short', 'at least 12'],
    ['elevenchars', 'at least 12'],
    ['x'.repeat(129), 'at most 128'],
    ['aaaaaaaaaaaaaa', 'more different'],
    ['ababababababab', 'more different'],
    ['123456789012345', 'run of'],
    ['abcdefghijklmnop', 'run of'],
    ['qwertyuiop[]12', 'run of'],
    ['1qaz2wsx3edc4rfv', 'run of'],
    ['Password12345!', 'common'],
    ['P@ssw0rd2026!!', 'common'],
    ['Administrator1', 'common'],
    ['citysense2026!', 'common'],
    ['Changeme123456', 'common'],
    ['passwordpassword', 'common'],
    ['zhang.san.2026.zunyi', 'login name'],
  ])('refuses %s', (password, problem) => {
    expect(passwordProblem(password, 'zhang.san')).toContain(problem);
  });

  it.each(['correct horse staple', '遵义会议纪念馆一九三五年一月', 'vC8nTq4LwMz2', 'four unrelated quiet words'])(
    'takes %s',
    (password) => {
      expect(passwordProblem(password, 'zhang.san')).toBeUndefined();
    },
  );
});
