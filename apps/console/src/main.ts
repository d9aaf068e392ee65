import 'element-plus/theme-chalk/base.css';
import 'element-plus/theme-chalk/dark/css-vars.css';
import 'element-plus/theme-chalk/el-message.css';
import 'element-plus/theme-chalk/el-message-box.css';
import 'element-plus/theme-chalk/el-notification.css';
import 'element-plus/theme-chalk/el-overlay.css';
import './app/style.css';
import { createApp } from 'vue';
import App from './App.vue';
import { i18n, startLanguage } from './app/language.js';
import { startTheme } from './app/theme.js';
import { router } from './router.js';

startTheme();
// The router asks who it is as soon as it is there, and the texts come meanwhile. Not awaited here: they wait for this file.
const app = createApp(App).use(i18n).use(router);
void startLanguage().then(() => app.mount('#app'));
