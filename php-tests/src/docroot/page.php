<?php
// A page without any file.
echo 'page of ', PHP_SAPI;
