export { type TestNotifierOptions, notificationOf, TestNotifier } from './test-notifier.js';
export { answer, type Behaviour, type Received, startReceiver, type TestReceiver } from './test-receiver.js';
