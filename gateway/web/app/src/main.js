import { mount } from 'svelte';
import '@event-calendar/core/index.css';
import './diary.css';
import Diary from './Diary.svelte';

mount(Diary, { target: document.getElementById('app') });
