export { notificationOf, TestNotifier, type TestNotifierOptions } from './test-notifier.js';
export { answer, type Behaviour, type Received, startReceiver, type TestReceiver } from './test-receiver.js';
