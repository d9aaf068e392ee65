import type { Area } from './area-file.js';

const named = (code: string, zh: string, en: string): Area => ({ code, name: { zh, en }, boundary: null });

/** Districts, counties and cities of Zunyi by their codes of GB/T 2260, for a platform that was given no areas of its own. */
export const zunyiAreas: readonly Area[] = [
  named('520302', '红花岗区', 'Honghuagang District'),
  named('520303', '汇川区', 'Huichuan District'),
  named('520304', '播州区', 'Bozhou District'),
  named('520322', '桐梓县', 'Tongzi County'),
  named('520323', '绥阳县', 'Suiyang County'),
  named('520324', '正安县', "Zheng'an County"),
  named('520325', '道真仡佬族苗族自治县', 'Daozhen Gelao and Miao Autonomous County'),
  named('520326', '务川仡佬族苗族自治县', 'Wuchuan Gelao and Miao Autonomous County'),
  named('520327', '凤冈县', 'Fenggang County'),
  named('520328', '湄潭县', 'Meitan County'),
  named('520329', '余庆县', 'Yuqing County'),
  named('520330', '习水县', 'Xishui County'),
  named('520381', '赤水市', 'Chishui City'),
  named('520382', '仁怀市', 'Renhuai City'),
];
