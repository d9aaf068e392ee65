import { fireDetector } from './fire-detector.js';
import { parkingSensor } from './parking-sensor.js';
import type { BuiltInProduct } from './product.js';
import { waterMeter, waterMeterCjt188 } from './water-meter.js';

export type { BuiltInProduct } from './product.js';

/** The products that are there without anybody registering them. */
export const builtInProducts: readonly BuiltInProduct[] = [waterMeter, waterMeterCjt188, parkingSensor, fireDetector];
